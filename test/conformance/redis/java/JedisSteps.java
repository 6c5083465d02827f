import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Response;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.ScanParams;

/** What Jedis does with a server, or with a cluster. */
public class JedisSteps {
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    if (args[1].equals("cluster")) ofCluster(port);
    else ofServer(port);
    System.exit(0);
  }

  private static void ofServer(int port) throws Exception {
    try (Jedis jedis = new Jedis("127.0.0.1", port)) {
      jedis.flushAll();
      Steps.take("sets and gets", () -> {
        for (int i = 0; i < 100; i++) jedis.set("key:" + i, "v" + i);
        for (int i = 0; i < 100; i++) Steps.equal(jedis.get("key:" + i), "v" + i);
      });
      Steps.take("MGET over slots", () -> Steps.equal(jedis.mget("key:1", "key:2", "none"), java.util.Arrays.asList("v1", "v2", null)));
      Steps.take("hashes", () -> {
        jedis.hset("h", Map.of("a", "1"));
        Steps.equal(jedis.hgetAll("h"), Map.of("a", "1"));
      });
      Steps.take("a pipeline", () -> {
        var pipeline = jedis.pipelined();
        Response<Long> one = pipeline.incr("counter:1");
        Response<Long> two = pipeline.incr("counter:2");
        pipeline.sync();
        Steps.equal(List.of(one.get(), two.get()), List.of(1L, 1L));
      });
      Steps.take("MULTI and EXEC", () -> {
        var transaction = jedis.multi();
        transaction.set("{t}a", "1");
        transaction.incr("{t}a");
        Steps.equal(transaction.exec().toString(), "[OK, 2]");
      });
      Steps.take("EVAL", () -> Steps.equal(jedis.eval("return {KEYS[1], ARGV[1]}", List.of("k"), List.of("v")), List.of("k", "v")));
      Steps.take("SCAN finds all keys", () -> {
        Set<String> found = new java.util.HashSet<>();
        String cursor = ScanParams.SCAN_POINTER_START;
        do {
          var page = jedis.scan(cursor, new ScanParams().match("key:*").count(20));
          found.addAll(page.getResult());
          cursor = page.getCursor();
        } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
        Steps.equal(found.size(), 100);
      });
      Steps.take("the error of a wrong type", () -> {
        try {
          jedis.lpush("key:1", "x");
          throw new Exception("no error");
        } catch (JedisDataException error) {
          Steps.equal(error.getMessage().startsWith("WRONGTYPE"), true);
        }
      });
      Steps.take("SUBSCRIBE and PUBLISH", () -> {
        LinkedBlockingQueue<String> heard = new LinkedBlockingQueue<>();
        LinkedBlockingQueue<String> ready = new LinkedBlockingQueue<>();
        JedisPubSub listener = new JedisPubSub() {
          @Override
          public void onSubscribe(String channel, int count) {
            ready.add(channel);
          }

          @Override
          public void onMessage(String channel, String message) {
            heard.add(message);
          }
        };
        Thread thread = new Thread(() -> {
          try (Jedis other = new Jedis("127.0.0.1", port)) {
            other.subscribe(listener, "news");
          }
        });
        thread.start();
        ready.poll(10, TimeUnit.SECONDS);
        jedis.publish("news", "hello");
        Steps.equal(heard.poll(10, TimeUnit.SECONDS), "hello");
        listener.unsubscribe();
        thread.join(10_000);
        Steps.equal(thread.isAlive(), false);
      });
    }
  }

  private static void ofCluster(int port) {
    try (JedisCluster jedis = new JedisCluster(new HostAndPort("127.0.0.1", port))) {
      Steps.take("sets and gets", () -> {
        for (int i = 0; i < 100; i++) jedis.set("key:" + i, "v" + i);
        for (int i = 0; i < 100; i++) Steps.equal(jedis.get("key:" + i), "v" + i);
      });
      Steps.take("MGET of one slot", () -> {
        jedis.mset("{m}a", "1", "{m}b", "2");
        Steps.equal(jedis.mget("{m}a", "{m}b"), List.of("1", "2"));
      });
      Steps.take("EVAL", () -> Steps.equal(jedis.eval("return {KEYS[1], ARGV[1]}", List.of("k"), List.of("v")), List.of("k", "v")));
      Steps.take("a pipeline over slots", () -> {
        var pipeline = jedis.pipelined();
        Response<Long> one = pipeline.incr("counter:1");
        Response<Long> two = pipeline.incr("counter:2");
        pipeline.sync();
        Steps.equal(one.get() > 0 && two.get() > 0, true);
      });
    }
  }
}
