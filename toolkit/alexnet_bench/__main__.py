"""`python -m alexnet_bench`."""

from alexnet_bench.cli.main import main

if __name__ == "__main__":
    main()
