"""Sample automation projects, each one folder that `podium pack` takes as it is."""
