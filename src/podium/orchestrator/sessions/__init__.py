"""Sessions: the hosts that robots report from. Tag Sessions."""
