"""Links in mails that let somebody act once: invitations, password resets, confirmations of an address."""
