"""Why a principal may do something somewhere, or may not. Answers our own tag Access."""
