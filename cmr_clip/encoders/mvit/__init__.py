"""Multiscale vision transformer for video (Fan et al., ICCV 2021)."""
