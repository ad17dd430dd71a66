"""How well an embedded model sees, hears and keeps time, on folders of annotated material (docs/bench-model.md).

Each half is one function, `run_vision(address, clips, options, progress)` in `vision.py` and
`run_hearing(address, speech, options, progress)` in `hearing.py`: the endpoint's address, the folder with its
manifest.csv, `Options`, `Progress`; both give `list[Table]` and look at `options.wants(part)`. `check.py` runs them.
"""
