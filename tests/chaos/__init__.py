"""`make chaos`: real processes, a workload and injected faults; every job is done once and the store is consistent.

    make chaos                                  one run with a random seed
    CHAOS_SEED=7 CHAOS_FAULTS=100 make chaos    the same faults, aimed at what is running at that time

A run starts PostgreSQL, Redis, two ingest workers, two query workers, the bot with a fake Discord, and a model endpoint
on loopback. In each round, faults are injected while questions and documents arrive; most of them aim at a process that
holds a lease. Then the workload pauses until everything is done, `refdesk verify --full` checks the store, and the
messages in Discord are compared with it.
"""
