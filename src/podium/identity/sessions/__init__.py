"""Sign-ins in a browser: the cookie that proves one, and when it ends."""
