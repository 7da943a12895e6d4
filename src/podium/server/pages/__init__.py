"""The pages that people see while they sign in: plain HTML from the server, no script needed."""
