"""Questions of capacity: a grid of cells measured by and by, and the highest rate that meets an objective."""
