"""Which machines serve folders, by assignment or from the folders above."""
