"""Sign-in by other providers: there are none, and these are the true answers of a server without them."""
