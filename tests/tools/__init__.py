"""What `make` rests on: setup, engine, locks, guard, report, recovery."""
