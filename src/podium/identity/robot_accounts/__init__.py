"""Robot accounts: principals that run unattended. Tag: RobotAccount."""
