"""Queue items: adding, handing out, results and retries; reading, editing, reviewing, comments and history.

Answers the contract's tags QueueItems, QueueItemEvents, QueueItemComments and, of Queues, what is about items.
"""
