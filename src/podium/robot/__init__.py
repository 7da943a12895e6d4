"""The robot agent: takes jobs from an Orchestrator over HTTP and runs them on this computer.

How the parts fit, from the wire to the process:

    agent        asks for commands (long poll), keeps the slots, recovers after a restart
    connection   the HTTP calls of the robot protocol and the two kinds of credentials
    job_run      the life of one job: queue, preparation, process, result
    environments packages on disk: downloaded, checked, unpacked, with a virtual environment each
    launch       what one job's process gets: working folder, arguments, environment variables
    runner       the parent of one job's process; outlives the agent, so nothing is lost when that ends
    outcome      exit status and output file -> the report of the final state
    delivery     reports and log lines from disk to the server, until they have arrived
    record       what is written down about a job, so that a restarted agent knows it

The disk is the truth: a job's folder holds its command, its log lines and every report that the server has
not confirmed. Linux and macOS only (process groups and signals).
"""
