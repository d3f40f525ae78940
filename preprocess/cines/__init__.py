"""Frames to slices to stacks: order in time and space, intensities, spacing, and a study's technical facts."""
