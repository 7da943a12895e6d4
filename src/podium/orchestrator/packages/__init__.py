"""Packages and the feeds that hold them: upload, versions, arguments and entry points, download, deletion.

Answers the contract tags Processes and PackageFeeds. (A process on the wire of `Processes` is a package here; what
runs it is a release on the wire, the area `processes`.) Reading an uploaded file: `nupkg`, on top of `archive` (zip),
`metadata` (JSON files), `versions`, `arguments` and `rules`, none of which touches the database.
"""
