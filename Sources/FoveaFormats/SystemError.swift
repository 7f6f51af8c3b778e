#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension FormatError {
    /// The error that `errno` told when `action` on the file at `path` failed.
    static func system(
        _ code: CInt, path: String, _ action: String, writing: Bool, offset: Int? = nil
    ) -> FormatError {
        let kind: FailureKind
        let remedy: String
        switch code {
        case ENOENT, ENOTDIR:
            kind = writing ? .cannotWrite : .missingInput
            remedy = writing ? "create the folder first or name another" : "check the path"
        case EACCES, EPERM, EROFS:
            kind = writing ? .cannotWrite : .missingInput
            remedy =
                writing ? "change the folder's permissions or name another" : "change the file's permissions"
        case EISDIR, ENAMETOOLONG, ELOOP:
            kind = writing ? .cannotWrite : .missingInput
            remedy = "name another file"
        case ENOSPC, EDQUOT:
            kind = .inputOutput
            remedy = "free some space or name another folder"
        default:
            kind = .inputOutput
            remedy = ""
        }
        let text = String(cString: strerror(code)).lowercased()
        return FormatError(
            kind, source: path, offset: offset, received: "cannot \(action): \(text) (errno \(code))",
            remedy: remedy)
    }
}
