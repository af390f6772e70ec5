"""Public benchmarks and users' own layers, turned into manifests; nothing is silently repaired."""
