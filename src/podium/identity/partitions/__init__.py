"""Organizations (partitions on the wire), and the host that owns what belongs to none of them."""
