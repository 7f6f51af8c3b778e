#if os(Linux)
    import Foundation

    /// How the threads of GNU OpenMP, on which oneDNN and Fovea run, wait for each other.
    enum ThreadWaiting {
        /// Starts the process anew with threads that wait busily for a moment only, unless the environment says how they
        /// are to wait.
        ///
        /// By default they do so for milliseconds. Beside another busy process the one waited for may have no core
        /// meanwhile: a step of LeNet-5 was then seen to take 100 times as long. OpenMP reads the environment as the
        /// process starts, so it is too late to set it here. `Documentation/Decisions/0007-waiting-threads.md` has the
        /// measurements.
        static func limitSpinning() {
            guard getenv("GOMP_SPINCOUNT") == nil, getenv("OMP_WAIT_POLICY") == nil else { return }
            // The path itself, so that the process keeps its name; where this fails the process goes on as it is.
            guard let path = realpath("/proc/self/exe", nil) else { return }
            defer { free(path) }
            setenv("GOMP_SPINCOUNT", "1000", 1)
            execv(path, CommandLine.unsafeArgv)
        }
    }
#endif
