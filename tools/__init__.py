"""What runs the project: setup of the engine, the `make` commands, the guard, the benchmarks."""
