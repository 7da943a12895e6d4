"""Inviting people by mail, and their coming in. Tags: User (InviteUsers), UserInvite."""
