"""Organization units: what folders were called before; a unit is a folder. Answers the tag OrganizationUnits."""
