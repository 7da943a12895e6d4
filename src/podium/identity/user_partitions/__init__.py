"""Users of an organization, under the addresses of older clients. Tags: UserPartition, portal_."""
