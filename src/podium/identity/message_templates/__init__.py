"""Texts of mails: the built-in ones, and what an organization makes of them."""
