package org.panoptim.bench.report;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.TeamSpeed;
import org.panoptim.bench.result.TeamTimes;
import org.panoptim.bench.team.Network;
import org.panoptim.bench.team.PhaseModel;
import org.panoptim.cli.page.HtmlTable;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Teams of processes: what their steps took, what a model says of it, and of larger teams. */
public final class TeamTables {

    private static final double MEGA = 1e6;
    private static final double GIGA = 1e9;
    private static final List<Integer> LARGE_TEAMS = List.of(64, 1024);

    private static final String EXPLAINED =
            "A step: from the moment when all members are ready until the last one has the new"
                    + " parameters. Sent: by one member, as it counts it, by the least, which is"
                    + " 2 (W - 1) / W times the size for W members; on the interface: the bytes"
                    + " that the system counted there, with headers, by the same.";

    private static final String MODEL =
            "Calls, messages, bytes between members and bytes in memory, one after another, as all"
                    + " members share one machine; constants from exchanges of nothing else.";

    private static final String ON_PAPER =
            "On paper: nobody has measured teams of this size. Each member has a machine to itself"
                    + " with the memory of this one, and links do not slow each other down. A call"
                    + " costs the network's latency in addition to what it costs here, a message"
                    + " what it costs here.";

    /** A model's parameters that are not a workload here. */
    private record Sized(String title, long elements) {}

    private static final List<Sized> SIZED =
            List.of(
                    new Sized(
                            Workload.named(Workload.GPT2_SMALL).title(),
                            Workload.named(Workload.GPT2_SMALL).elements()),
                    new Sized("Llama 2 7B", 6_738_415_616L));

    /**
     * A table as text.
     *
     * @param title of it
     * @param columns the titles
     * @param rows the cells
     * @param remark what to know of it
     */
    public record TextTable(
            String title, List<String> columns, List<List<String>> rows, String remark) {}

    private TeamTables() {}

    /** All tables for which there are results. */
    public static List<TextTable> of(Results results) {
        var tables = new ArrayList<TextTable>();
        if (!results.teams().isEmpty()) {
            tables.add(measured(results.teams()));
        }
        var speed = speed(results);
        speed.map(each -> modelled(each, results.teams())).ifPresent(tables::add);
        speed.filter(TeamSpeed::tellsMessages).map(TeamTables::onPaper).ifPresent(tables::add);
        return tables;
    }

    private static Optional<TeamSpeed> speed(Results results) {
        return results.teamSpeeds().stream().findFirst();
    }

    /** For the page. */
    static String html(Results results) {
        var text = new StringBuilder();
        for (var table : of(results)) {
            text.append(
                    BenchReport.section(
                            table.title,
                            HtmlTable.of(table.columns, table.rows).html(),
                            table.remark));
        }
        return text.toString();
    }

    private static TextTable measured(List<TeamTimes> teams) {
        var peers =
                teams.stream().filter(TeamTimes::hasPeer).map(TeamTimes::peer).distinct().toList();
        return new TextTable(
                "A team of processes on this machine",
                List.of(
                        "Tensors",
                        "Members",
                        "A step",
                        "PyTorch's",
                        "PyTorch / it",
                        "Sent",
                        "Interface, PyTorch's",
                        "States",
                        "PyTorch's states"),
                teams.stream().map(TeamTables::row).toList(),
                peers.isEmpty() ? EXPLAINED : EXPLAINED + " " + String.join("; ", peers) + ".");
    }

    private static List<String> row(TeamTimes team) {
        double states = 2.0 * team.elements() * Float.BYTES;
        return List.of(
                title(team),
                Integer.toString(team.members()),
                Format.time(Spread.of(team.seconds())),
                team.hasPeer() ? Format.time(Spread.of(team.peerSeconds())) : "",
                team.hasPeer() ? Format.ratio(team.advantage()) : "",
                bytes(team.sent()) + (team.members() > 1 ? ", " + share(team.sentShare()) : ""),
                onInterface(team),
                "%s, %s".formatted(bytes(team.states()), share(team.stateShare())),
                team.hasPeer()
                        ? "%s, %s"
                                .formatted(
                                        bytes(team.peerStates()), share(team.peerStates() / states))
                        : "");
    }

    private static String onInterface(TeamTimes team) {
        return team.members() == 1
                ? ""
                : Stream.of(team.loopback(), team.peerLoopback())
                        .filter(bytes -> bytes.length > 0)
                        .map(bytes -> share(Spread.of(bytes).median() / team.leastBytes()))
                        .collect(Collectors.joining(", "));
    }

    private static String bytes(double bytes) {
        return Format.digits(bytes / MEGA) + " MB";
    }

    /** A share to four digits, as one percent is at stake. */
    private static String share(double share) {
        return String.format(Locale.ROOT, "%.4f", share);
    }

    private static String title(TeamTimes team) {
        return Workload.named(team.workload()).title();
    }

    private static TextTable modelled(TeamSpeed speed, List<TeamTimes> teams) {
        var model = PhaseModel.ofMachine(speed);
        var rows = new ArrayList<List<String>>();
        for (var team : teams) {
            var cost = model.cost(team.elements(), team.members());
            double measured = Spread.of(team.seconds()).median();
            rows.add(
                    List.of(
                            title(team),
                            Integer.toString(team.members()),
                            "%s, %s"
                                    .formatted(
                                            Format.count(
                                                    PhaseModel.calls(
                                                            team.elements(), team.members())),
                                            Format.count(team.calls())),
                            Format.time(cost.latency() + cost.messages()),
                            Format.time(cost.wire()),
                            Format.time(cost.memory()),
                            Format.time(cost.total()),
                            Format.time(measured),
                            Format.ratio(cost.total() / measured)));
        }
        return new TextTable(
                "What a model says of these",
                List.of(
                        "Tensors",
                        "Members",
                        "Calls, and counted",
                        "Calls and messages",
                        "Bytes between members",
                        "Bytes in memory",
                        "Together",
                        "Measured",
                        "Model / measured"),
                rows,
                "%s A call %s, a message %s, %s GB/s between all members, %s GB/s in memory."
                        .formatted(
                                MODEL,
                                Format.time(speed.latency()),
                                Format.time(speed.message()),
                                Format.digits(speed.bandwidth() / GIGA),
                                Format.digits(speed.memory() / GIGA)));
    }

    private static TextTable onPaper(TeamSpeed speed) {
        var rows = new ArrayList<List<String>>();
        var sources = new ArrayList<String>();
        for (var network : Network.published(speed)) {
            sources.add("%s: %s".formatted(network.name(), network.source()));
            var model = new PhaseModel(network, speed.memory());
            for (var sized : SIZED) {
                for (int members : LARGE_TEAMS) {
                    var cost = model.cost(sized.elements, members);
                    rows.add(
                            List.of(
                                    network.name(),
                                    sized.title,
                                    Integer.toString(members),
                                    bytes(PhaseModel.wireBytes(sized.elements, members)),
                                    Format.time(cost.latency()),
                                    Format.time(cost.messages()),
                                    Format.time(cost.wire()),
                                    Format.time(cost.memory()),
                                    Format.time(cost.total()),
                                    bytes(PhaseModel.stateBytes(sized.elements, members))));
                }
            }
        }
        return new TextTable(
                "Larger teams, on paper",
                List.of(
                        "Network",
                        "Model",
                        "Members",
                        "Sent by a member",
                        "Calls",
                        "Messages",
                        "Bytes between members",
                        "Bytes in memory",
                        "A step",
                        "States of a member"),
                rows,
                ON_PAPER + " " + String.join("; ", sources) + ".");
    }
}
