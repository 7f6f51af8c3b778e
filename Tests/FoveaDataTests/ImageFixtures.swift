// Made by Utilities/Reference/image_fixtures.py with Pillow 13.0.0 and NumPy 2.4.6.
enum ImageFixtures {
    /// 9x7 pixels of `value(y, x, c)`, one file of each kind, in base 64.
    static let png: [String: String] = [
        "grey": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAAAAAD/8Di8AAAAUUlEQVR42gFGALn/AAAHDhUcIyoxOAANGSUxPUlVYW0AGis8\
        TV5vgJGiACc9U2l/lavB1wA0T2qFoLvW8XEAQWGBocHhAYamAE5zmL3iB5G2264RGaCHhVJsAAAAAElFTkSuQmCC
        """,
        "grey16": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHEAAAAACvYOT/AAAAkElEQVR42gGFAHr/AAAABwcODhUVHBwjIyoqMTE4OAANDRkZ\
        JSUxMT09SUlVVWFhbW0AGhorKzw8TU1eXm9vgICRkaKiACcnPT1TU2lpf3+VlaurwcHX1wA0NE9PamqFhaCgu7vW1vHxcXEA\
        QUFhYYGBoaHBweHhAQGGhqamAE5Oc3OYmL294uIHB5GRtrbb2yp6Mz+Vj08BAAAAAElFTkSuQmCC
        """,
        "greyAlpha": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAQAAABwkq/rAAAAkElEQVR42gGFAHr/AAAdByQOKxUyHDkjQCpHMU44VQANKhk2\
        JUIxTj1aSWZVcmF+bYoAGjcrSDxZTWpee2+MgJ2RrqK/ACdEPVpTcGmGf5yVsqvIwd7X9AA0UU9saoeFoqC9u9jW8/EOcY4A\
        QV5hfoGeob7B3uH+AR6Go6bDAE5rc5CYtb3a4v8HJJGuttPb+NiPOWLd5efiAAAAAElFTkSuQmCC
        """,
        "colour": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAIAAABV+fA3AAAAz0lEQVR42gHEADv/AAAdOgckQQ4rSBUyTxw5ViNAXSpHZDFO\
        azhVcgANKkcZNlMlQl8xTms9WndJZoNVco9hfpttiqcAGjdUK0hlPFl2TWqHXnuYb4ypgJ26ka7Lor/cACdEYT1ad1NwjWmG\
        o3+cuZWyz6vI5cHe+9f0EQA0UW5PbIlqh6SFor+gvdq72PXW8xDxDitxjqsAQV57YX6bgZ67ob7bwd774f4bAR47hqPApsPg\
        AE5riHOQrZi10r3a9+L/HAckQZGuy7bT8Nv4FVh5W0cxdPOZAAAAAElFTkSuQmCC
        """,
        "colourInterlaced": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAIAAAEi/sChAAAA1klEQVR42gHLADT/AAAdOjhVcgAcOVYANFFuoL3acY6rAA4r\
        SCpHZABqh6TW8xAAGjdUPFl2XnuYgJ26or/cAE5riJi10uL/HJGuy9v4FQAHJEEVMk8jQF0xTmsAK0hlTWqHb4ypka7LAE9s\
        iYWiv7vY9fEOKwBzkK292vcHJEG20/AADSpHGTZTJUJfMU5rPVp3SWaDVXKPYX6bbYqnACdEYT1ad1NwjWmGo3+cuZWyz6vI\
        5cHe+9f0EQBBXnthfpuBnruhvtvB3vvh/hsBHjuGo8Cmw+Doi1tHR8P72wAAAABJRU5ErkJggg==
        """,
        "colourAlpha": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAYAAADam2dgAAABAUlEQVR42mNgkLUKZ1dxjOPT9kgVNfLPkbEMK1Z2iK3Sck9p\
        NPTL7rAILepn4AXyJM2CC1Sd4mtAgrZR5VM805oXAOXWJNbN3pHbtfwIg5R5SCHQkCabyLLJvlntS+KqZ2zN71l5rGHurusT\
        151+sWj/nZ8M6i6JdSDdwQW9qzLbFh+on7Pz2tRN59+sPvGU6eC93xLXvwjqMZgE5nX753QuAxpysBWobcHeW9933/gqdO2z\
        gO5HoEML+1afYHAEmg+yu3He7hsL993+AdL98J+0BaOcdQTQ4LvLDj/4ywB069LiCWtPzdh66T3QEJFH/2UsQb4FuWfb5Q+8\
        t3+IGgEAfql+TznW7scAAAAASUVORK5CYII=
        """,
        "palette": """
        iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHCAMAAADtRZdSAAADAFBMVEUA/wAB/gMC/QYD/AkE+wwF+g8G+RIH+BUI9xgJ9hsK\
        9R4L9CEM8yQN8icO8SoP8C0Q7zAR7jMS7TYT7DkU6zwV6j8W6UIX6EUY50gZ5ksa5U4b5FEc41Qd4lce4Vof4F0g32Ah3mMi\
        3WYj3Gkk22wl2m8m2XIn2HUo13gp1nsq1X4r1IEs04Qt0ocu0Yov0I0wz5AxzpMyzZYzzJk0y5w1yp82yaI3yKU4x6g5xqs6\
        xa47xLE8w7Q9wrc+wbo/wL1Av8BBvsNCvcZDvMlEu8xFus9GudJHuNVIt9hJtttKtd5LtOFMs+RNsudOsepPsO1Qr/BRrvNS\
        rfZTrPlUq/xVqv9WqQJXqAVYpwhZpgtapQ5bpBFcoxRdohdeoRpfoB1gnyBhniNinSZjnClkmyxlmi9mmTJnmDVolzhpljtq\
        lT5rlEFsk0RtkkdukUpvkE1wj1BxjlNyjVZzjFl0i1x1il92iWJ3iGV4h2h5hmt6hW57hHF8g3R9gnd+gXp/gH2Af4CBfoOC\
        fYaDfImEe4yFeo+GeZKHeJWId5iJdpuKdZ6LdKGMc6SNcqeOcaqPcK2Qb7CRbrOSbbaTbLmUa7yVar+WacKXaMWYZ8iZZsua\
        Zc6bZNGcY9SdYteeYdqfYN2gX+ChXuOiXeajXOmkW+ylWu+mWfKnWPWoV/ipVvuqVf6rVAGsUwStUgeuUQqvUA2wTxCxThOy\
        TRazTBm0Sxy1Sh+2SSK3SCW4Ryi5Riu6RS67RDG8QzS9Qje+QTq/QD3AP0DBPkPCPUbDPEnEO0zFOk/GOVLHOFXIN1jJNlvK\
        NV7LNGHMM2TNMmfOMWrPMG3QL3DRLnPSLXbTLHnUK3zVKn/WKYLXKIXYJ4jZJovaJY7bJJHcI5TdIpfeIZrfIJ3gH6DhHqPi\
        HabjHKnkG6zlGq/mGbLnGLXoF7jpFrvqFb7rFMHsE8TtEsfuEcrvEM3wD9DxDtPyDdbzDNn0C9z1Ct/2CeL3COX4B+j5Buv6\
        Be77BPH8A/T9Avf+Afr/AP1KcKcSAAAAUUlEQVR42gFGALn/AAAHDhUcIyoxOAANGSUxPUlVYW0AGis8TV5vgJGiACc9U2l/\
        lavB1wA0T2qFoLvW8XEAQWGBocHhAYamAE5zmL3iB5G2264RGaCHhVJsAAAAAElFTkSuQmCC
        """,
    ]
    /// 23x17 pixels of `value(y, x, c)` as `convert("L")`, the first two rows.
    static let luma: [UInt8] = [
        24, 31, 38, 45, 52, 59, 66, 73, 80, 87, 94, 101, 108, 115, 122, 129, 136, 143, 150, 157,
        164, 171, 178, 37, 49, 61, 73, 85, 97, 109, 121, 133, 145, 157, 169, 181, 193, 205, 217, 199,
        211, 73, 85, 97, 33, 45,
    ]
    /// The grey image resized to 7x9 (columns x rows), BILINEAR.
    static let greySmall: [UInt8] = [
        47, 78, 111, 137, 153, 149, 119, 81, 135, 166, 154, 133, 133, 127, 119, 173, 152, 144, 125, 104,
        95, 152, 157, 140, 121, 110, 89, 88, 158, 143, 131, 116, 102, 86, 95, 150, 119, 111, 96, 101,
        95, 110, 143, 103, 87, 84, 106, 124, 140, 103, 88, 89, 109, 129, 140, 164, 103, 88, 98, 125,
        146, 164, 159,
    ]
    /// The colour image resized to 31x5, BILINEAR, the first row.
    static let colourWide: [UInt8] = [
        20, 49, 78, 29, 58, 87, 40, 69, 98, 50, 79, 108, 62, 91, 120, 72, 101, 130, 83, 112,
        141, 94, 123, 151, 105, 134, 151, 116, 136, 159, 124, 142, 159, 128, 156, 146, 140, 137, 157, 130,
        139, 168, 125, 154, 166, 148, 177, 140, 158, 139, 140, 169, 126, 147, 162, 129, 158, 113, 140, 169,
        122, 151, 151, 147, 158, 129, 167, 164, 110, 149, 175, 109, 156, 121, 119, 167, 101, 130, 176, 112,
        131, 176, 123, 93, 144, 101, 107, 131, 95, 108, 140, 104, 93,
    ]
    /// The colour image resized to 5x40, BILINEAR, the last two rows.
    static let colourTall: [UInt8] = [
        133, 82, 77, 81, 85, 114, 97, 126, 155, 137, 166, 182, 171, 155, 144, 141, 77, 67, 80, 80,
        109, 96, 125, 154, 139, 168, 182, 175, 152, 134,
    ]
    /// A JPEG file for print.
    static let cmyk = """
        /9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSww\
        MTQ0NB8nOT04MjwuMzQy/8AAFAgAAgACBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//E\
        ALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2\
        Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrC\
        w8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwDNaWQMf3j9f7xqsACATyT1Jp8M\
        MbQxs0aFioJJUZPFe/1//9k=
        """
}
