"""`python -m benchmarks`: see `benchmarks.suite`."""

# A process that a measurement spawns loads this file anew, and should load no more than one that
# `liuhen` spawns: with all measurements it would start a second later.
if __name__ == "__main__":
    from benchmarks.suite import main

    main()
