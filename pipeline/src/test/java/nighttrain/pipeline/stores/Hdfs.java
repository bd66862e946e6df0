package nighttrain.pipeline.stores;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.hdfs.DistributedFileSystem;

/** A namenode and three datanodes, each a process. */
final class Hdfs implements AutoCloseable {
    private static final int DATANODES = 3;

    private final Daemon nameNode;
    private final List<Daemon> dataNodes = new ArrayList<>();
    private final String uri;

    Hdfs(Path dir) throws IOException {
        uri = "hdfs://127.0.0.1:" + Daemon.freePort();
        Path conf = Files.createDirectories(dir.resolve("conf"));
        Files.writeString(
                conf.resolve("core-site.xml"), xml("fs.defaultFS", uri, "hadoop.tmp.dir", dir.resolve("tmp")));
        Files.writeString(
                conf.resolve("hdfs-site.xml"), xml("dfs.replication", 2, "dfs.namenode.http-address", "127.0.0.1:0"));
        String classPath =
                String.join(File.pathSeparator, conf.toString(), Daemon.jar("hdfs.jar"), Daemon.testClassPath());
        String nameNodeClass = "org.apache.hadoop.hdfs.server.namenode.NameNode";
        try (Daemon format = Daemon.start(dir.resolve("format.log"), classPath, nameNodeClass, "-format", "-force")) {
            format.awaitEnd();
        }
        nameNode = Daemon.start(dir.resolve("namenode.log"), classPath, nameNodeClass);
        for (int i = 0; i < DATANODES; i++) {
            dataNodes.add(Daemon.start(
                    dir.resolve("datanode-" + i + ".log"),
                    classPath,
                    "org.apache.hadoop.hdfs.server.datanode.DataNode",
                    "-Ddfs.datanode.data.dir=" + dir.resolve("data-" + i),
                    "-Ddfs.datanode.address=127.0.0.1:0",
                    "-Ddfs.datanode.http.address=127.0.0.1:0",
                    "-Ddfs.datanode.ipc.address=127.0.0.1:0"));
        }
        nameNode.await(() -> live() == DATANODES);
    }

    private static String xml(Object... namesAndValues) {
        StringBuilder xml = new StringBuilder("<configuration>");
        for (int i = 0; i < namesAndValues.length; i += 2) {
            xml.append("<property><name>")
                    .append(namesAndValues[i])
                    .append("</name><value>")
                    .append(namesAndValues[i + 1])
                    .append("</value></property>");
        }
        return xml.append("</configuration>").toString();
    }

    private int live() throws IOException {
        Configuration conf = new Configuration();
        conf.setInt("ipc.client.connect.max.retries", 1);
        try (FileSystem fs = FileSystem.newInstance(java.net.URI.create(uri), conf)) {
            return ((DistributedFileSystem) fs).getDataNodeStats().length;
        }
    }

    String uri() {
        return uri;
    }

    void killADataNode() {
        dataNodes.remove(0).close();
    }

    @Override
    public void close() {
        dataNodes.forEach(Daemon::close);
        nameNode.close();
    }
}
