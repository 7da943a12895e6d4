"""Who is in an organization: people, robot accounts, groups, applications, by name or id. Tag: Directory."""
