"""Log entries of robots: taken in batches, kept by day. Tags Logs and RobotLogs."""
