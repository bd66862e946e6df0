package nighttrain.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A Chromium without a window: the one that {@code CHROMIUM} names, else the first on the PATH. */
public record Browser(Path program) {
    private static final List<String> NAMES = List.of("chromium", "chromium-browser", "google-chrome", "chrome");
    private static final long SECONDS = 60;
    /** More than any frame's width. */
    private static final int FRAME_ROOM = 1600;

    /**
     * What a page became.
     *
     * @param dom its elements after its scripts ran
     * @param console what the browser complained about
     */
    public record Opened(String dom, List<String> console) {}

    /** The one of this machine, if there is one. */
    public static Optional<Browser> find() {
        Stream<Path> named = Stream.ofNullable(System.getenv("CHROMIUM")).map(Path::of);
        Stream<Path> onPath = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .filter(dir -> !dir.isEmpty())
                .flatMap(dir -> NAMES.stream().map(name -> Path.of(dir, name)));
        return Stream.concat(named, onPath)
                .filter(Files::isExecutable)
                .findFirst()
                .map(Browser::new);
    }

    /** Opens a file with no network, in a window that wide; Chromium makes none of less than 500 pixels. */
    public Opened open(Path page, int widthPx, Path scratch) throws IOException, InterruptedException {
        Path dom = scratch.resolve("dom.html");
        Path messages = scratch.resolve("browser.log");
        List<String> command = new ArrayList<>(List.of(
                program.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--allow-file-access-from-files",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--user-data-dir=" + scratch.resolve("profile"),
                "--window-size=" + widthPx + ",900",
                "--virtual-time-budget=2000",
                "--enable-logging=stderr",
                "--dump-dom",
                page.toUri().toString()));
        Process process = new ProcessBuilder(command)
                .redirectOutput(dom.toFile())
                .redirectError(messages.toFile())
                .start();
        try {
            assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
                    .as("the browser ends")
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        try (Stream<String> lines = Files.lines(messages)) {
            return new Opened(
                    Files.readString(dom),
                    lines.filter(line -> line.contains("CONSOLE")).toList());
        }
    }

    /**
     * How wide a page's content is where a reader has that much room, in pixels: more than that, and it must be scrolled sideways.
     * Measured in a frame, which may be as narrow as a phone.
     */
    public int contentWidth(Path page, int widthPx, Path scratch) throws IOException, InterruptedException {
        String measure = "document.body.dataset.width = this.contentDocument.documentElement.scrollWidth";
        Path frame = Files.writeString(
                scratch.resolve("frame.html"),
                "<!DOCTYPE html><body><iframe src='" + page.toUri() + "' style='border: 0; width: " + widthPx
                        + "px' onload='" + measure + "'></iframe></body>");
        Matcher width = Pattern.compile("data-width=\"(\\d+)\"")
                .matcher(open(frame, FRAME_ROOM, scratch).dom());
        assertThat(width.find()).as("the page was measured").isTrue();
        return Integer.parseInt(width.group(1));
    }
}
