"""Predictions of files of any size: read, scored and written in shards.

- `run`    what `pet-mtl predict --shard-rows` does
- `shards` the folder of shards: what it holds, and which are done
- `score`  one shard's rows to its bytes
- `ray_engine` the same with Ray Data, on one machine or many
"""
