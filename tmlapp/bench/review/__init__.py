"""A recording as Review shows it: everything on one axis, why the model spoke, and exports for other programs."""
