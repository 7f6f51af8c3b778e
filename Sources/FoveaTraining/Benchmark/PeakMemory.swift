import Foundation

/// The memory of this process.
public enum PeakMemory {
    /// The most memory that the process has held at one time, in bytes; `nil` where the system does not say.
    ///
    /// `VmHWM` of `/proc/self/status` on Linux, since `getrusage` also counts what ran before in the same process.
    public static var byteCount: Int? {
        #if os(Linux)
            guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
                return nil
            }
            for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
                return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
            }
            return nil
        #else
            var usage = rusage()
            guard getrusage(RUSAGE_SELF, &usage) == 0 else { return nil }
            return Int(usage.ru_maxrss)
        #endif
    }
}
