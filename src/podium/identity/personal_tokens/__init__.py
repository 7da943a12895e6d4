"""Personal access tokens: opaque texts by which a user's own programs call as him. Tag: ReferenceToken."""
