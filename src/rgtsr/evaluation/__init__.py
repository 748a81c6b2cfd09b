"""Evaluation: benchmarks, metrics, scores, reports, and pictures to compare. Knows no torch."""
