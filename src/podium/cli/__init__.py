"""The command line: `podium ...`.

It speaks HTTP to a server and imports nothing of it; one module per noun. Modules that cost start-up time (httpx,
rich, msgspec) are imported where they are used, so that `podium --help` and completion stay quick.
"""
