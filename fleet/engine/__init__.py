"""What both engines share besides the law: control, scene, counts, audit, state as arrays."""
