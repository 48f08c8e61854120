"""Functions of a volume, each filtered by cubes: distances, positions, scale spaces."""
