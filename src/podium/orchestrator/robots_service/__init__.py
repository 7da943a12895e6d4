"""What robots and the server say to each other: connect, report, take commands. Tag RobotsService.

Nothing here is audited: it is the robots' traffic, and what it changes is in the history of jobs.
"""
