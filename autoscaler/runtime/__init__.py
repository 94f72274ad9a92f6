"""The process: settings, wiring, schedule, daemon. The only place where adapters are put behind the ports."""
