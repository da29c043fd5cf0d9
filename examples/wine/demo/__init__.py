"""The main job on real input: a log, three models, a kill, a roll-out, and every wine answered in time."""
