"""Vector lanes for what is plain, behind the door of a shard; the columns take what is not."""
