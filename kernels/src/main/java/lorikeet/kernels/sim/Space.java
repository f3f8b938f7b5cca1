package lorikeet.kernels.sim;

/** The state spaces of PTX in which memory lies. */
enum Space {
    GENERIC, GLOBAL, CONST, SHARED, LOCAL, PARAM;

    static Space of(String suffix) {
        return switch (suffix) {
            case "global" -> GLOBAL;
            case "const" -> CONST;
            case "shared" -> SHARED;
            case "local" -> LOCAL;
            case "param" -> PARAM;
            default -> null;
        };
    }
}
