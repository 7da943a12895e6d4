"""Assets: values that automations read by name, one for everybody or one per user and machine. Tag Assets."""
