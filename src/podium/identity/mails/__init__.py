"""Mails on their way out: queued in the transaction of what they tell of, delivered afterwards."""
