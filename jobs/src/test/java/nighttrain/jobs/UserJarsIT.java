package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Loads a user's jar by --conf spark.jars or spark.jars.packages in embedded Spark. The jar has a table source, whose rows a class of the same jar
 * makes.
 */
class UserJarsIT {
    private static final String SOURCE = """
            package users;

            import java.util.List;
            import org.apache.spark.api.java.JavaSparkContext;
            import org.apache.spark.api.java.function.Function;
            import org.apache.spark.rdd.RDD;
            import org.apache.spark.sql.*;
            import org.apache.spark.sql.sources.*;
            import org.apache.spark.sql.types.StructType;

            public class Tickets implements RelationProvider {
                @Override
                public BaseRelation createRelation(SQLContext context, scala.collection.immutable.Map<String, String> options) {
                    return new Table(context);
                }

                public static class Table extends BaseRelation implements TableScan {
                    private final SQLContext context;

                    Table(SQLContext context) {
                        this.context = context;
                    }

                    @Override
                    public SQLContext sqlContext() {
                        return context;
                    }

                    @Override
                    public StructType schema() {
                        return new StructType().add("prompt", "string");
                    }

                    @Override
                    public RDD<Row> buildScan() {
                        return JavaSparkContext.fromSparkContext(context.sparkContext())
                                .parallelize(List.of(1, 2, 3), 2)
                                .map(new Ticket())
                                .rdd();
                    }
                }

                public static class Ticket implements Function<Integer, Row> {
                    @Override
                    public Row call(Integer number) {
                        return RowFactory.create("Ticket: parcel " + number + " is late");
                    }
                }
            }
            """;

    @TempDir
    Path folder;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();

    @AfterEach
    void withoutTheJar() {
        Thread.currentThread().setContextClassLoader(before);
    }

    @Test
    void isLoadedOnTheDriverAndByTasks() throws Exception {
        Outcome outcome = generate("--conf", "spark.jars=" + jar());

        assertThat(outcome.exitCode()).as(outcome.toString()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.out()).startsWith("3 rows, 0 errors in ");
    }

    /** Fetches from a local repository, the only one in Ivy's settings. The repository lacks libraries that Spark has itself. */
    @Test
    void isFetchedAsAPackage() throws Exception {
        Path version = Files.createDirectories(folder.resolve("repository/users/tickets/1.0"));
        Files.copy(jar(), version.resolve("tickets-1.0.jar"));
        Files.writeString(version.resolve("tickets-1.0.pom"), """
                <project>
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>users</groupId>
                  <artifactId>tickets</artifactId>
                  <version>1.0</version>
                  <dependencies>
                    <dependency>
                      <groupId>org.slf4j</groupId>
                      <artifactId>slf4j-api</artifactId>
                      <version>1.0</version>
                    </dependency>
                    <dependency>
                      <groupId>org.apache.hadoop</groupId>
                      <artifactId>hadoop-client-api</artifactId>
                      <version>1.0</version>
                    </dependency>
                  </dependencies>
                </project>
                """);
        Path ivy = Files.writeString(folder.resolve("ivy.xml"), """
                <ivysettings>
                  <settings defaultResolver="here"/>
                  <resolvers>
                    <ibiblio name="here" m2compatible="true" root="%s"/>
                  </resolvers>
                </ivysettings>
                """.formatted(
                        folder.resolve("repository").toUri()));

        Outcome outcome = generate(
                "--conf",
                "spark.jars.packages=users:tickets:1.0",
                "--conf",
                "spark.jars.ivySettings=" + ivy,
                "--conf",
                "spark.jars.ivy=" + folder.resolve("ivy"));

        assertThat(outcome.exitCode()).as(outcome.toString()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.out()).startsWith("3 rows, 0 errors in ");
    }

    private Outcome generate(String... options) throws IOException {
        List<String> all = new ArrayList<>(TinyModel.OPTIONS);
        all.addAll(List.of("--format", "users.Tickets", "--max-tokens", "2"));
        all.addAll(List.of(options));
        Path model = TinyModel.in(folder.resolve("model"));
        return Outcome.of(Demo.command(
                model,
                model, // the source does not read it
                folder.resolve("out"),
                all.toArray(String[]::new)));
    }

    private Path jar() throws IOException {
        Path source = Files.createDirectories(folder.resolve("users")).resolve("Tickets.java");
        Files.writeString(source, SOURCE);
        Path classes = Files.createDirectory(folder.resolve("classes"));
        int failed = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        null,
                        "-proc:none",
                        "-d",
                        classes.toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        source.toString());
        assertThat(failed).isZero();
        Path jar = folder.resolve("tickets.jar");
        try (Stream<Path> files = Files.walk(classes);
                JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(classes.relativize(file).toString()));
                Files.copy(file, out);
            }
        }
        return jar;
    }
}
