"""How fast it is: workloads, measurements in fresh processes, and the table of `fleet bench`."""
