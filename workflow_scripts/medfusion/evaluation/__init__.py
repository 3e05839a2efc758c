"""Measures, intervals, comparisons, and where systems stand."""
