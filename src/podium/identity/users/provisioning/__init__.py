"""Users as a provisioning client keeps them: made, changed and disabled from another directory."""
